"""How the hidden accuracy is forecast: from the suites, from the ledger, and from images without labels."""
