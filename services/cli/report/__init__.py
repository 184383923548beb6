"""`frigjort report`: what AI did to the work, and how sure that is."""
