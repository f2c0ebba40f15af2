{ place = "default"; }
