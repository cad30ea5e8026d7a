// Print the leader whenever a new snapshot comes: node --experimental-eventsource stream.mjs http://localhost:8080
// In a page, leave out process.argv. After a lost connection EventSource goes on behind the last snapshot it got.
const stream = new EventSource(new URL("/api/stream", process.argv[2]));

stream.addEventListener("snapshot", (event) => {
  const { sequence, coverage, rows } = JSON.parse(event.data);
  const leader = rows[0] ? `${rows[0].customer_id} ${rows[0].ltv}` : "nobody yet";
  console.log(sequence, coverage.complete ? "complete" : "incomplete", leader);
});
stream.addEventListener("missed", (event) => console.log("snapshots missed:", event.data));
stream.addEventListener("error", () => console.error("reconnecting"));
