"""`frigjort baseline`: from a proposal to a published version, and its end."""
