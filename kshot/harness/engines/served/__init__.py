"""A model behind a server of OpenAI's protocol: what is sent, what may come back, and what is made of it.

engine.py      requests to a server and generations from it: what `openai` makes
address.py     where the server is, and the key, which nothing that is written or said ever holds
client.py      one call: the time it may take, the waits between tries, and what ends it
faults.py      what passes and is tried again, what never will, and how long to wait
background.py  a thread with an event loop of its own
dialects.py    the kinds of servers by name: what each must be told so that it adds nothing of its own
discovery.py   which server it is, and which model it has
probes.py      what a server can do, found out by trying it once
wording.py     a request as the body of a call
reply.py       a call's answer as a generation, or the fault that it is
scores.py      the log-likelihood of a continuation
shared_time.py a call's share of the time
"""
