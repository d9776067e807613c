//! The miniature world: a synthetic task language with small trained models.
