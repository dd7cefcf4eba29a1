"""`kshot view`: the report of local runs, served from their journals to a browser on this machine.

server.py   the pages, and who may see them
store.py    what the pages ask a journal
"""
