"""What a server looks like at one moment, and the texts that are made of it. Pure."""
