"""Which mentions mean the same thing: names, clusters, canonical entities."""
