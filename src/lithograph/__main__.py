"""`python -m lithograph` is `litho`."""

from lithograph.cli import main

if __name__ == "__main__":
    main()
