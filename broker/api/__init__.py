"""HTTP in: the public face. Endpoints are thin; what they serve comes from queue and tail."""
