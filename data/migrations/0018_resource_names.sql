-- What resources of clouds are called here. Clouds tell them apart by more than their names: two of one name stand in
-- two groups, zones or accounts, and a disk may be called as its machine. Who has a name keeps it (data/names.py).
CREATE TABLE resource_names (
    identity VARCHAR NOT NULL,  -- how the cloud tells it apart, e.g. a resource id
    kind     VARCHAR NOT NULL,  -- as in resources
    resource VARCHAR NOT NULL   -- as in resources and series
);
