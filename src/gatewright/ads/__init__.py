"""Delivery of configuration to the proxies: delta ADS, make before break, refusals contained to the resource that caused them."""
