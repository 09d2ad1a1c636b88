-- "Of the 40 times we said 50 %, 21 came true": stated probabilities of exhaustion at past cutoffs of this
-- fleet, after correction, against what happened.
CREATE TABLE reliability (
    days INTEGER NOT NULL,             -- horizon: 28, 90 or 365
    bin DOUBLE NOT NULL,               -- lower edge of the bin of stated probabilities
    stated DOUBLE NOT NULL,            -- mean of what was said
    happened DOUBLE NOT NULL,          -- share that came true
    n UINTEGER NOT NULL
);

-- The logistic correction of stated probabilities, learned from those answers: logit P' = a + b logit P.
CREATE TABLE corrections (
    metric VARCHAR NOT NULL,           -- '' = the whole fleet's
    days INTEGER NOT NULL, a DOUBLE NOT NULL, b DOUBLE NOT NULL
);
