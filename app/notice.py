"""What is said wherever faces are named: on every page, and in what is sent on from there."""

NOTICE = (
    "An expression is not a feeling: the models name what a face shows, learnt from labels that "
    "people agree on two thirds of the time. Who is looked at has to be told so (EU AI Act, "
    "Article 50(3), since 2 August 2026), and at work and in education feelings must not be "
    "inferred from it (Article 5(1)(f))."
)
