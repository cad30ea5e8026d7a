"""What operators do to a running application: redrive dead letters, look at its health."""
