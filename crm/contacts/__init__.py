"""Companies, contacts, their contact points, and finding them."""
