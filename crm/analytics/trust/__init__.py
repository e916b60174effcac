"""How far figures can be trusted: findings about how people keep their deals, and the score made of them."""
