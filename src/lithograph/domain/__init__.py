"""The values that everything else passes around: frozen, typed, checked when they are made, without I/O."""
