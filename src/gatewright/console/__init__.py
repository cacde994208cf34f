"""What a running server tells about itself, over HTTP.

`source` says what the console needs to know, `feed` keeps the latest statuses for watchers, `server` serves them as JSON beside
metrics and health, `guard` keeps web pages out. Nothing here changes anything, and no Secret's content passes through it.
"""
