package peers;

import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/** Measures seconds and CPU seconds since the start of the process, at the benchmark's marks; prints the report. */
public final class Meter {
    private static final com.sun.management.OperatingSystemMXBean SYSTEM =
        (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static final long BEGAN_MS = ProcessHandle.current().info().startInstant().orElseThrow().toEpochMilli();
    private static final List<AtomicLong> COUNTERS = new CopyOnWriteArrayList<>();
    private static final Map<String, String> MARKS = new LinkedHashMap<>();
    private static volatile Top top = new Top();

    public interface Condition {
        boolean holds() throws Exception;
    }

    private Meter() {}

    /** The number of events that one thread has processed. */
    public static AtomicLong counter() {
        AtomicLong counter = new AtomicLong();
        COUNTERS.add(counter);
        return counter;
    }

    /** The newest global top 10. */
    public static void emitted(Top newest) {
        top = newest;
    }

    /** Waits until half and all of the events are processed. */
    public static void awaitEvents(long events) throws Exception {
        await("half", 2, () -> processed() >= events / 2);
        await("done", 2, () -> processed() >= events);
    }

    /** Waits until the peer has committed all events: the benchmark measures up to here. */
    public static void awaitCommitted(Condition committed) throws Exception {
        await("committed", 20, committed);
    }

    /** Waits until the top 10 counts all events. */
    public static void awaitTop(long events) throws Exception {
        await("top", 20, () -> top.events >= events);
    }

    private static void await(String name, long pollMs, Condition condition) throws Exception {
        while (!condition.holds()) Thread.sleep(pollMs);
        MARKS.put(name, "{\"events\":" + processed() + ",\"wall_s\":" + seconds()
            + ",\"cpu_s\":" + SYSTEM.getProcessCpuTime() / 1e9 + "}");
    }

    private static long processed() {
        return COUNTERS.stream().mapToLong(AtomicLong::get).sum();
    }

    private static double seconds() {
        return (System.currentTimeMillis() - BEGAN_MS) / 1e3;
    }

    /** The last line of the output. */
    public static void report() {
        String marks = MARKS.entrySet().stream()
            .map(mark -> "\"" + mark.getKey() + "\":" + mark.getValue()).collect(Collectors.joining(","));
        System.out.println("{\"top\":" + top.json() + ",\"marks\":{" + marks + "}}");
        System.out.flush();
    }
}
