"""`frigjort status`: the pipeline and the number at a glance."""
