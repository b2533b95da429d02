"""JSON web tokens of configured issuers: who they say is calling, and whether that is to be believed."""
