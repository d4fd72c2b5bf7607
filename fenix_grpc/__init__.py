"""fenix: rolling maintenance of infrastructure hosts with zero impact on the applications on top of them."""
