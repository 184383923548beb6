"""`frigjort demo`: the whole job on one machine, on a real log and on synthetic case systems."""
