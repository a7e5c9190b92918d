"""``python -m orecast``."""

from orecast.cli import main

if __name__ == "__main__":
    main()
