"""Events in files: which format a file has, its events one by one, and output that is whole or not there."""
