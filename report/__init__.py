"""Pictures of a shop's customers, as one page without network: what `ltv report` writes."""
