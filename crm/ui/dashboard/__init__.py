"""What dashboards share: the bar of their scope, charts whose numbers open deals, the list of deals."""
