-- Charges of cloud bills in the FOCUS columns that are used here. A bill is replaced as a whole: the same file
-- (origin) loaded again takes the place of its earlier rows.
CREATE TABLE bills (
    charge_start TIMESTAMP NOT NULL, charge_end TIMESTAMP,      -- the end is exclusive
    period_start TIMESTAMP, period_end TIMESTAMP,               -- of the invoice
    provider VARCHAR, invoice_issuer VARCHAR, invoice VARCHAR,
    billing_account VARCHAR, sub_account VARCHAR, sub_account_name VARCHAR,
    service_name VARCHAR, service_category VARCHAR,             -- of the provider, not a service of ours
    region VARCHAR,
    resource VARCHAR, resource_name VARCHAR, resource_type VARCHAR,
    sku VARCHAR,
    charge_category VARCHAR,                                    -- Usage, Purchase, Tax, Credit, Adjustment
    charge_class VARCHAR,                                       -- Correction, or NULL
    charge_frequency VARCHAR, charge_description VARCHAR, pricing_category VARCHAR,
    commitment VARCHAR,                                         -- id of the commitment discount that applied
    currency VARCHAR NOT NULL,                                  -- ISO 4217
    billed_cost DECIMAL(38, 14) NOT NULL,                       -- negative = credit
    effective_cost DECIMAL(38, 14), list_cost DECIMAL(38, 14), contracted_cost DECIMAL(38, 14),
    pricing_quantity DOUBLE, pricing_unit VARCHAR,
    consumed_quantity DOUBLE, consumed_unit VARCHAR,
    tags VARCHAR,                                               -- JSON object
    origin VARCHAR NOT NULL, line BIGINT
);

-- What did not conform to the specification and was read all the same.
CREATE TABLE bill_conformance (
    origin VARCHAR NOT NULL, "column" VARCHAR NOT NULL, finding VARCHAR NOT NULL, rows BIGINT, example VARCHAR
);
