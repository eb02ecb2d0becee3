"""Files from the network: cached, checked, resumed."""
