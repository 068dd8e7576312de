"""Standard sensitivities of frames: CRIF rows and the charge for GIRR delta, over REST."""
