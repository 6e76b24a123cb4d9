"""Put the words back into a stand-off release, from your own copies of the articles."""

from _run import run

if __name__ == "__main__":
    run("rehydrate")
