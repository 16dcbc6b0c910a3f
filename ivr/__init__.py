"""The telephone: Twilio webhooks, TwiML, outgoing calls and texts."""
