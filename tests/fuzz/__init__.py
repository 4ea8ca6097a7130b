"""Bad requests by the thousand, against a whole deployment: ``scripts/fuzz``.

An intruder with an account of its own, a wrong key or none sends them, while another
account, the victim, has jobs whose prompts, answers, metadata and names are known by a
secret. Half the requests are made of ``/openapi.json``, fair and foul, by schemathesis; the
other half are what a schema can't say, by strategies of our own.

    scene       the deployment, the victim's jobs and the intruder's own
    request     a request to the byte, and a command that repeats it
    wire        sends it, and reads what comes
    described, odd_bodies, odd_heads, guesses, garbage     make requests
    contract    the description as a judge of answers
    checks      what must hold of every answer
    aftermath   what must hold when all is over
    campaign    makes, sends, checks, tallies
"""
