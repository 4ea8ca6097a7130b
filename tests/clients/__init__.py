"""What real clients send: their own requests, recorded, without their texts. See ``recording``."""
