//! The native core of ltv: reads record batches, decodes their events, and keeps the state of a partition.
//!
//! `consumer/domain/` and `contract/decode.py` are the reference. What is unusual is handed back to them by its index;
//! nothing here calls an event invalid. Long calls run without the interpreter's lock. A panic becomes a `CoreFailed`,
//! and its state is refused from then on.

mod event;
mod index;
mod json;
mod pack;
mod partitioner;
mod rank;
mod records;
mod restore;
mod store;
mod table;
mod weeks;

use std::cell::RefCell;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::sync::Mutex;

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use event::{decode, Event, KINDS};
use partitioner::Home;
use records::{Grouping, Rare, Record, Span};
use table::Table;

/// Counts changes of what Python calls; `contract/native_core.py` has the same.
const INTERFACE: u32 = 2;

create_exception!(
    ltv_native,
    CoreFailed,
    PyRuntimeError,
    "A mistake in the core: the state must not be used any more."
);

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Run without the interpreter's lock; a panic becomes a `CoreFailed`.
fn guarded<T: Send>(py: Python, run: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| catch_unwind(AssertUnwindSafe(run)).map_err(|_| LAST_PANIC.take())).map_err(CoreFailed::new_err)
}

fn text(bytes: &[u8]) -> PyResult<String> {
    Ok(std::str::from_utf8(bytes)?.to_owned())
}

fn all_bytes<'py>(py: Python<'py>, values: &[Vec<u8>]) -> Vec<Bound<'py, PyBytes>> {
    values.iter().map(|value| PyBytes::new(py, value)).collect()
}

/// Keys and values of records, in the buffer in which they came.
#[pyclass(frozen)]
struct Fields {
    buffer: Py<PyBytes>,
    records: Vec<Record>,
    keyed: bool,
    /// Where the first record begins in the buffer, and the index after the last.
    start: usize,
    end: usize,
    /// Records of the buffer, from `start` on, before the first one of `records`.
    skipped: usize,
}

type Column<'py> = Vec<Option<Bound<'py, PyBytes>>>;

impl Fields {
    fn column<'py>(
        &self,
        py: Python<'py>,
        indexes: impl Iterator<Item = usize>,
        span: impl Fn(&Record) -> Span,
    ) -> PyResult<Column<'py>> {
        let buffer = self.buffer.as_bytes(py);
        indexes
            .map(|i| {
                let record = self.records.get(i).ok_or_else(|| PyValueError::new_err("no such record"))?;
                Ok(span(record).of(buffer).map(|bytes| PyBytes::new(py, bytes)))
            })
            .collect()
    }
    fn all_rare<'py>(&self, py: Python<'py>) -> impl Iterator<Item = PyResult<Rare<'_>>> + use<'_, 'py> {
        let all = records::rare(self.buffer.as_bytes(py), self.start).skip(self.skipped).take(self.records.len());
        all.map(|record| record.ok_or_else(|| PyValueError::new_err("not the records of a batch")))
    }
}

#[pymethods]
impl Fields {
    fn __len__(&self) -> usize {
        self.records.len()
    }
    /// The index after the last record.
    #[getter]
    fn end(&self) -> usize {
        self.end
    }
    /// For lines of a file: the numbers of these in their block, from 0. The indexes are ascending.
    fn lines(&self, py: Python, indexes: Vec<usize>) -> PyResult<Vec<usize>> {
        let buffer = self.buffer.as_bytes(py);
        let (mut at, mut number) = (0, 0);
        indexes
            .iter()
            .map(|&i| {
                let record = self.records.get(i).ok_or_else(|| PyValueError::new_err("no such record"))?;
                let passed = buffer.get(at..record.value.at as usize);
                number += records::count_line_ends(passed.ok_or_else(|| PyValueError::new_err("not ascending"))?);
                at = record.value.at as usize;
                Ok(number)
            })
            .collect()
    }
    /// The keys and values of these records.
    fn at<'py>(&self, py: Python<'py>, indexes: Vec<usize>) -> PyResult<(Column<'py>, Column<'py>)> {
        let keys = self.column(py, indexes.iter().copied(), |record| record.key)?;
        Ok((keys, self.column(py, indexes.iter().copied(), |record| record.value)?))
    }
    /// All keys.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Column<'py>> {
        self.column(py, 0..self.records.len(), |record| record.key)
    }
    /// All values.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Column<'py>> {
        self.column(py, 0..self.records.len(), |record| record.value)
    }
    /// Timestamp's delta, offset's delta and headers of these records of a batch.
    fn rare<'py>(&self, py: Python<'py>, indexes: Vec<usize>) -> PyResult<Vec<(i64, i64, Bound<'py, PyBytes>)>> {
        let found = self.all_rare(py).collect::<PyResult<Vec<_>>>()?;
        indexes
            .iter()
            .map(|&i| {
                let record = found.get(i).ok_or_else(|| PyValueError::new_err("no such record"))?;
                let headers = PyBytes::new(py, record.headers);
                Ok((record.timestamp_delta, record.offset_delta, headers))
            })
            .collect()
    }
    /// The smallest timestamp's delta.
    fn earliest(&self, py: Python) -> PyResult<i64> {
        let mut deltas = self.all_rare(py).map(|record| Ok(record?.timestamp_delta));
        let first = deltas.next().unwrap_or_else(|| Err(PyValueError::new_err("no records")))?;
        deltas.try_fold(first, |least, delta: PyResult<i64>| Ok(least.min(delta?)))
    }
    /// Without the first `count` records.
    fn skip(&self, py: Python, count: usize) -> Fields {
        let skipped = count.min(self.records.len());
        Fields {
            buffer: self.buffer.clone_ref(py),
            records: self.records[skipped..].to_vec(),
            keyed: self.keyed,
            start: self.start,
            end: self.end,
            skipped: self.skipped + skipped,
        }
    }
}

/// The next groups of records of an uncompressed batch; None: the first of them is unusual.
#[pyfunction]
fn read_fields(
    py: Python,
    buffer: Py<PyBytes>,
    at: usize,
    count: usize,
    group_records: usize,
    group_bytes: usize,
    groups: usize,
) -> PyResult<Option<Fields>> {
    let bytes = buffer.as_bytes(py);
    let grouping = Grouping { records: group_records, bytes: group_bytes, groups };
    let found = guarded(py, || records::walk(bytes, at, count, grouping))?;
    Ok(found.map(|(records, end)| Fields { buffer, records, keyed: true, start: at, end, skipped: 0 }))
}

/// The lines of a block that are not blank.
#[pyfunction]
fn read_lines(py: Python, block: Py<PyBytes>, around: &[u8]) -> PyResult<Fields> {
    let bytes = block.as_bytes(py);
    let found = guarded(py, || records::lines(bytes, around))?;
    let records = found.ok_or_else(|| PyValueError::new_err("a block of more than 2 GiB"))?;
    Ok(Fields { buffer: block, records, keyed: false, start: 0, end: 0, skipped: 0 })
}

/// How many lines end in a block.
#[pyfunction]
fn count_line_ends(block: &[u8]) -> usize {
    records::count_line_ends(block)
}

/// Values, and their keys if they have some; None: they are too large.
#[pyfunction]
fn fields_of(py: Python, values: Vec<Option<Py<PyBytes>>>, keys: Option<Vec<Option<Py<PyBytes>>>>) -> Option<Fields> {
    let mut buffer = Vec::new();
    let mut add = |field: Option<&Py<PyBytes>>| -> Option<Span> {
        let Some(field) = field else { return Some(Span::NULL) };
        let at = u32::try_from(buffer.len()).ok()?;
        buffer.extend_from_slice(field.as_bytes(py));
        (buffer.len() <= i32::MAX as usize).then(|| Span { at, len: (buffer.len() - at as usize) as i32 })
    };
    let mut records = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let key = keys.as_ref().and_then(|keys| keys.get(i)?.as_ref());
        records.push(Record { key: add(key)?, value: add(value.as_ref())? });
    }
    let (keyed, buffer) = (keys.is_some(), PyBytes::new(py, &buffer).unbind());
    Some(Fields { buffer, records, keyed, start: 0, end: 0, skipped: 0 })
}

type DecodedEvent = (usize, bool, u64, u64, Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// One event: kind, update, time, cents, customer, key, name; None: the reference must look at it. For tests.
#[pyfunction]
fn decode_event(py: Python, value: &[u8]) -> PyResult<Option<DecodedEvent>> {
    guarded(py, || {
        let mut scratch = vec![0; value.len()];
        let e = decode(value, 0, value.len(), &mut scratch)?;
        Some((e.kind as usize, e.update, e.time, e.cents, e.customer.into(), e.key.into(), e.name.map(Vec::from)))
    })
}

type Standing = (String, Option<String>, u128, u32, u32, u64);
type Totals = (u64, usize, usize, u128, Option<(u64, u64)>);

/// The state of one partition; see `consumer/domain/state.py`.
#[pyclass(frozen)]
struct State {
    table: Mutex<Table>,
}

impl State {
    fn with<T: Send>(&self, py: Python, run: impl FnOnce(&mut Table) -> T + Send) -> PyResult<T> {
        guarded(py, || run(&mut self.table.lock().expect("a state that has not failed")))
    }
    fn standings(&self, py: Python, rows: impl FnOnce(&Table) -> Vec<u32> + Send) -> PyResult<Vec<Standing>> {
        self.with(py, |table| {
            let standing = |row| {
                let name = table.name(row).map(text).transpose()?;
                let customer = &table.customers[row];
                let (spend, weeks) = (table.spend(row), table.week_count(row));
                Ok((text(table.customer_id(row))?, name, spend, weeks, customer.orders, customer.visits))
            };
            rows(table).into_iter().map(standing).collect()
        })?
    }
}

#[pymethods]
impl State {
    #[new]
    fn new(x: usize, active: bool, home: Option<(String, u32, u32)>, notes_changes: bool) -> PyResult<Self> {
        let unknown = || PyValueError::new_err("an unknown partitioner");
        let home = match home {
            Some((name, partition, partitions)) => Some(Home::new(&name, partition, partitions).ok_or_else(unknown)?),
            None => None,
        };
        Ok(State { table: Mutex::new(Table::new(x, active, home, notes_changes)) })
    }
    /// Decode records and add their events; returns how many of each kind, and the indexes of the others.
    fn take(&self, py: Python, fields: &Fields, latest: u64) -> PyResult<([u64; 4], Vec<usize>)> {
        let buffer = fields.buffer.as_bytes(py);
        let taken = self.with(py, |table| table.take(buffer, &fields.records, fields.keyed, latest))?;
        Ok((taken.events, taken.rest))
    }
    /// Add an event that the reference has decoded; false: its customer does not belong here.
    #[pyo3(signature = (kind, update, time, cents, customer, key, name))]
    #[expect(clippy::too_many_arguments)]
    fn add(
        &self,
        py: Python,
        kind: usize,
        update: bool,
        time: u64,
        cents: u64,
        customer: &[u8],
        key: &[u8],
        name: Option<&[u8]>,
    ) -> PyResult<bool> {
        self.with(py, |table| {
            let event = Event { kind: KINDS[kind], update, time, cents, customer, key, name };
            let located = table.locate(&event);
            table.add(&event, located)
        })
    }
    /// Events, customers, orders, cents, and the first and last time.
    fn totals(&self, py: Python) -> PyResult<Totals> {
        self.with(py, |t| {
            let times = (t.first <= t.last).then_some((t.first, t.last));
            (t.events, t.customers.len(), t.orders.len(), t.revenue, times)
        })
    }
    fn changed_bytes(&self, py: Python) -> PyResult<u64> {
        self.with(py, |table| table.changed_bytes)
    }
    fn pack_changes<'py>(&self, py: Python<'py>, sizes: pack::Sizes) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        Ok(all_bytes(py, &self.with(py, |table| pack::changes(table, sizes))?))
    }
    fn pack_table<'py>(
        &self,
        py: Python<'py>,
        place: pack::Place,
        customers: u32,
        part: u32,
        max_bytes: usize,
        sizes: pack::Sizes,
    ) -> PyResult<(Vec<Bound<'py, PyBytes>>, pack::Place)> {
        let (values, place) = self.with(py, |table| pack::part(table, place, customers, part, max_bytes, sizes))?;
        Ok((all_bytes(py, &values), place))
    }
    /// Put a changelog record's rows into the table: rows, part, whether it completes, position as JSON. None: it is
    /// not one of the present format.
    #[expect(clippy::type_complexity)]
    fn restore<'py>(
        &self,
        py: Python<'py>,
        value: &[u8],
    ) -> PyResult<Option<(usize, Option<u64>, bool, Option<Bound<'py, PyBytes>>)>> {
        let found = self.with(py, |table| {
            let mut scratch = vec![0; value.len()];
            let found = restore::restore(table, value, &mut scratch)?;
            Some((found.rows, found.part, found.completes, found.position.map(Vec::from)))
        })?;
        Ok(found.map(|(rows, part, completes, position)| {
            (rows, part, completes, position.map(|json| PyBytes::new(py, &json)))
        }))
    }
    /// After the last row: the counters that belong to them, and the ranking.
    fn restored(&self, py: Python, events: u64, times: Option<(u64, u64)>) -> PyResult<()> {
        self.with(py, |table| {
            table.events = events;
            (table.first, table.last) = times.unwrap_or((u64::MAX, 0));
            table.rank_all();
        })
    }
    /// Id, name, cents, weeks, orders, visits of the top x, best first.
    fn best(&self, py: Python) -> PyResult<Vec<Standing>> {
        self.standings(py, Table::best)
    }
    fn top(&self, py: Python, x: usize, active: bool) -> PyResult<Vec<Standing>> {
        self.standings(py, |table| table.top(x, active))
    }
    /// A customer's row with all its orders, as JSON columns.
    fn customer<'py>(&self, py: Python<'py>, id: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let found = self.with(py, |table| table.find(id).map(|row| pack::customer(table, row)))?;
        Ok(found.map(|value| PyBytes::new(py, &value)))
    }
    fn misplaced(&self, py: Python) -> PyResult<Option<String>> {
        self.with(py, |table| table.misplaced().map(text).transpose())?
    }
}

#[pymodule]
fn ltv_native(m: &Bound<PyModule>) -> PyResult<()> {
    set_hook(Box::new(|panic| LAST_PANIC.set(panic.to_string().replace('\n', " "))));
    m.add("CoreFailed", m.py().get_type::<CoreFailed>())?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("INTERFACE", INTERFACE)?;
    m.add_class::<Fields>()?;
    m.add_class::<State>()?;
    m.add_function(wrap_pyfunction!(read_fields, m)?)?;
    m.add_function(wrap_pyfunction!(read_lines, m)?)?;
    m.add_function(wrap_pyfunction!(count_line_ends, m)?)?;
    m.add_function(wrap_pyfunction!(fields_of, m)?)?;
    m.add_function(wrap_pyfunction!(decode_event, m)?)?;
    Ok(())
}
