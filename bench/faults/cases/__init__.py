"""The cases by name, in the order they run."""

from bench.faults.case import Case
from bench.faults.cases import (
    cancel,
    loss_table,
    rolling,
    sidecar,
    store_lost,
    store_pause,
    storm,
    worker_kill,
    zombie,
)

CASES: dict[str, Case] = {
    "worker-kill": worker_kill.measure,
    "zombie": zombie.measure,
    "loss-table": loss_table.measure,
    "rolling": rolling.measure,
    "sidecar": sidecar.measure,
    "cancel": cancel.measure,
    "storm": storm.measure,
    "store-pause": store_pause.measure,
    "store-lost": store_lost.measure,
}
