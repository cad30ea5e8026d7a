package peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: Processor API, two stores with changelogs, partial top 10s merged behind a topic of one partition. */
public final class StreamsPeer {
    private static final String SERVERS = System.getenv("KAFKA_BOOTSTRAP_SERVERS");
    private static final String EVENTS_TOPIC = System.getenv("LTV_EVENTS_TOPIC");
    private static final String APPLICATION = System.getProperty("application");
    private static final boolean IN_MEMORY = "memory".equals(System.getProperty("store"));
    private static final boolean CACHED = Boolean.getBoolean("cache");
    private static final Duration TICK = Duration.ofSeconds(5);

    private static final Serde<Customer> CUSTOMERS = Serdes.serdeFrom(
        (topic, customer) -> customer == null ? null : customer.encode(),
        (topic, bytes) -> bytes == null ? null : Customer.decode(bytes));

    public static void main(String[] arguments) throws Exception {
        KafkaStreams streams = new KafkaStreams(topology(), settings());
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) System.exit(1);
        });
        streams.setUncaughtExceptionHandler(trouble -> {
            trouble.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        long events = Long.getLong("events");
        Meter.awaitEvents(events);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", SERVERS))) {
            Meter.awaitCommitted(() -> committed(admin) >= events);
        }
        Meter.awaitTop(events);
        streams.close(Duration.ofSeconds(60));
        Meter.report();
        System.exit(0);
    }

    private static long committed(Admin admin) throws Exception {
        return admin.listConsumerGroupOffsets(APPLICATION).partitionsToOffsetAndMetadata().get().entrySet().stream()
            .filter(entry -> entry.getKey().topic().equals(EVENTS_TOPIC) && entry.getValue() != null)
            .mapToLong(entry -> entry.getValue().offset()).sum();
    }

    private static Properties settings() {
        Properties to = new Properties();
        to.put(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION);
        to.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, SERVERS);
        to.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("state"));
        to.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        to.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        to.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.getInteger("threads"));
        to.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        to.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        to.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        to.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 1000);
        to.put(StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 2 << 20);
        to.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        to.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L << 20);
        return to;
    }

    private static Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(EVENTS_TOPIC, Consumed.with(Serdes.Bytes(), Serdes.ByteArray()))
            .process(new ProcessorSupplier<Bytes, byte[], Integer, byte[]>() {
                @Override
                public Processor<Bytes, byte[], Integer, byte[]> get() {
                    return new Aggregate();
                }

                @Override
                public Set<StoreBuilder<?>> stores() {
                    return Set.of(store("customers", CUSTOMERS), store("orders", Serdes.ByteArray()));
                }
            })
            .repartition(Repartitioned.with(Serdes.Integer(), Serdes.ByteArray())
                .withName("partials").withNumberOfPartitions(1))
            .process(new ProcessorSupplier<Integer, byte[], String, String>() {
                @Override
                public Processor<Integer, byte[], String, String> get() {
                    return new Merge();
                }

                @Override
                public Set<StoreBuilder<?>> stores() {
                    return Set.of(Stores.keyValueStoreBuilder(
                        Stores.inMemoryKeyValueStore("partials"), Serdes.Integer(), Serdes.ByteArray()));
                }
            })
            .to(System.getProperty("top"), Produced.with(Serdes.String(), Serdes.String()));
        return builder.build();
    }

    private static <V> StoreBuilder<KeyValueStore<Bytes, V>> store(String name, Serde<V> values) {
        KeyValueBytesStoreSupplier supplier =
            IN_MEMORY ? Stores.inMemoryKeyValueStore(name) : Stores.persistentKeyValueStore(name);
        StoreBuilder<KeyValueStore<Bytes, V>> builder =
            Stores.keyValueStoreBuilder(supplier, Serdes.Bytes(), values).withLoggingEnabled(Map.of());
        return CACHED ? builder.withCachingEnabled() : builder.withCachingDisabled();
    }

    /** Adds events to their customers; at each tick emits this partition's top 10. */
    private static final class Aggregate implements Processor<Bytes, byte[], Integer, byte[]> {
        private final Parser parser = new Parser();
        private final Event event = new Event();
        private final AtomicLong counter = Meter.counter();
        private long processed;
        private ProcessorContext<Integer, byte[]> context;
        private KeyValueStore<Bytes, Customer> customers;
        private KeyValueStore<Bytes, byte[]> orders;

        @Override
        public void init(ProcessorContext<Integer, byte[]> context) {
            this.context = context;
            customers = context.getStateStore("customers");
            orders = context.getStateStore("orders");
            context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::emit);
        }

        @Override
        public void process(Record<Bytes, byte[]> record) {
            try {
                parser.parse(record.value(), event);
            } catch (IOException broken) {
                throw new UncheckedIOException(broken);
            }
            Customer customer = customers.get(record.key());
            if (customer == null) customer = new Customer();
            customer.add(event);
            if (event.type == Event.ORDER) order(record.key(), customer);
            customers.put(record.key(), customer);
            counter.lazySet(++processed);
        }

        private void order(Bytes id, Customer customer) {
            Bytes key = orderKey(id, event.orderId);
            byte[] known = orders.get(key);
            if (known == null) {
                customer.orders++;
                customer.cents += event.cents;
            } else {
                ByteBuffer before = ByteBuffer.wrap(known);
                long cents = before.getLong();
                if (event.time <= before.getLong()) return;
                customer.cents += event.cents - cents;
            }
            orders.put(key, ByteBuffer.allocate(16).putLong(event.cents).putLong(event.time).array());
        }

        private static Bytes orderKey(Bytes customer, String order) {
            byte[] first = customer.get(), second = order.getBytes(StandardCharsets.UTF_8);
            byte[] key = new byte[first.length + 1 + second.length];
            System.arraycopy(first, 0, key, 0, first.length);
            key[first.length] = '/';
            System.arraycopy(second, 0, key, first.length + 1, second.length);
            return Bytes.wrap(key);
        }

        private void emit(long timestamp) {
            Top top = new Top();
            try (KeyValueIterator<Bytes, Customer> all = customers.all()) {
                while (all.hasNext()) {
                    KeyValue<Bytes, Customer> next = all.next();
                    if (top.count(next.value)) top.add(new String(next.key.get(), StandardCharsets.UTF_8), next.value);
                }
            }
            if (top.customers > 0) {
                context.forward(new Record<>(context.taskId().partition(), top.encode(), timestamp));
            }
        }
    }

    /** Keeps the newest top 10 of each partition; at each tick emits the global one. */
    private static final class Merge implements Processor<Integer, byte[], String, String> {
        private ProcessorContext<String, String> context;
        private KeyValueStore<Integer, byte[]> partials;

        @Override
        public void init(ProcessorContext<String, String> context) {
            this.context = context;
            partials = context.getStateStore("partials");
            context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::emit);
        }

        @Override
        public void process(Record<Integer, byte[]> record) {
            partials.put(record.key(), record.value());
        }

        private void emit(long timestamp) {
            Top top = new Top();
            try (KeyValueIterator<Integer, byte[]> all = partials.all()) {
                while (all.hasNext()) top.merge(Top.decode(all.next().value));
            }
            if (top.customers == 0) return;
            context.forward(new Record<>("top", top.json(), timestamp));
            Meter.emitted(top);
        }
    }
}
