package peers;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** For comparison: one thread and hash maps, without commits; a restart reads from the beginning. */
public final class PlainConsumer {
    private static final class Order {
        long cents, time;
    }

    private static final Map<String, Customer> customers = new HashMap<>();
    private static final Map<String, Map<String, Order>> orders = new HashMap<>();
    private static final AtomicLong processed = Meter.counter();

    public static void main(String[] arguments) throws Exception {
        long events = Long.getLong("events");
        Thread thread = new Thread(() -> consume(events));
        thread.setUncaughtExceptionHandler((t, trouble) -> {
            trouble.printStackTrace();
            System.exit(1);
        });
        thread.start();
        Meter.awaitEvents(events);
        thread.join();
        Top top = new Top();
        customers.forEach((id, customer) -> {
            if (top.count(customer)) top.add(id, customer);
        });
        Meter.emitted(top);
        Meter.awaitTop(events);
        Meter.report();
    }

    private static void consume(long events) {
        String topic = System.getenv("LTV_EVENTS_TOPIC");
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"),
            "isolation.level", "read_committed",
            "max.poll.records", 5000,
            "max.partition.fetch.bytes", 2 << 20);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                .map(partition -> new TopicPartition(topic, partition.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Parser parser = new Parser();
            Event event = new Event();
            for (long seen = 0; seen < events; ) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    parser.parse(record.value(), event);
                    add(record.key(), event);
                    processed.lazySet(++seen);
                }
            }
        } catch (java.io.IOException broken) {
            throw new java.io.UncheckedIOException(broken);
        }
    }

    private static void add(String id, Event event) {
        Customer customer = customers.get(id);
        if (customer == null) customers.put(id, customer = new Customer());
        customer.add(event);
        if (event.type != Event.ORDER) return;
        Map<String, Order> known = orders.computeIfAbsent(id, none -> new HashMap<>(4));
        Order order = known.get(event.orderId);
        if (order == null) {
            customer.orders++;
            known.put(event.orderId, order = new Order());
        } else if (event.time <= order.time) {
            return;
        }
        customer.cents += event.cents - order.cents;
        order.cents = event.cents;
        order.time = event.time;
    }
}
