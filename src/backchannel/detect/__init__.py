"""Evidence into judgement: rules over events and streams, findings out."""
