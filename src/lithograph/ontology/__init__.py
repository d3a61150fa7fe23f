"""What may be extracted: the classes and properties of an OWL, RDFS or SKOS vocabulary."""
