"""A telephone network on this machine: the part of Twilio that the product uses.

It is not a carrier. It knows the product only over HTTP (webhooks out, REST in) and imports nothing of it.
"""
