//! Whole charts as they are, so that a change of what people get is seen in a review.
