//! How bytes move: listeners, TLS, draining, the upstream client with its proxies, pools and deadlines.
