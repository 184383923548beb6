"""The collector beside its peers, on the embedded broker and endpoint, in one run: ratios, not absolute claims."""
