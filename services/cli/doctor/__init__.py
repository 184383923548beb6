"""`frigjort doctor`: a running installation, checked as an operator would."""
