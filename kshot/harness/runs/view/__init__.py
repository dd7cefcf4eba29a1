"""`kshot view`: the report of local runs, served from their journals to a browser on this machine."""
