package peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Flink: DataStream API in one process, exactly-once checkpoints every second, partial top 10s merged by one task. */
public final class FlinkPeer {
    private static final int PARALLELISM = 2;
    private static final int TICK_MS = 5_000;
    private static final TypeInformation<byte[]> BYTES = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
    /** Subtask -> the number of events that the last complete checkpoint counts. */
    private static final Map<Integer, Long> CHECKPOINTED = new ConcurrentHashMap<>();

    public static void main(String[] arguments) throws Exception {
        String servers = System.getenv("KAFKA_BOOTSTRAP_SERVERS");
        String application = System.getProperty("application");
        long events = Long.getLong("events");
        StreamExecutionEnvironment environment =
            StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, settings());
        KafkaSource<Event> source = KafkaSource.<Event>builder()
            .setBootstrapServers(servers)
            .setTopics(System.getenv("LTV_EVENTS_TOPIC"))
            .setGroupId(application)
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(new Parse())
            .setProperty("isolation.level", "read_committed")
            .setProperty("max.poll.records", "1000")
            .setProperty("max.partition.fetch.bytes", String.valueOf(2 << 20))
            .build();
        KafkaSink<String> sink = KafkaSink.<String>builder()
            .setBootstrapServers(servers)
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix(application)
            .setProperty("transaction.timeout.ms", "60000")
            .setRecordSerializer(KafkaRecordSerializationSchema.builder()
                .setTopic(System.getProperty("top"))
                .setValueSerializationSchema(new SimpleStringSchema())
                .build())
            .build();
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "events").uid("events")
            .keyBy(event -> event.customer, Types.STRING)
            .transform("aggregate", Types.TUPLE(Types.INT, BYTES), new Aggregate()).uid("aggregate")
            .keyBy(partial -> 0, Types.INT)
            .process(new Merge()).returns(Types.STRING).setParallelism(1).uid("merge")
            .sinkTo(sink).setParallelism(1).uid("top");
        JobClient job = environment.executeAsync("peer");
        job.getJobExecutionResult().whenComplete((result, trouble) -> {
            if (trouble == null || trouble.toString().contains("Cancel")) return;
            trouble.printStackTrace();
            System.exit(1);
        });
        Meter.awaitEvents(events);
        Meter.awaitCommitted(() -> CHECKPOINTED.values().stream().mapToLong(Long::longValue).sum() >= events);
        Meter.awaitTop(events);
        job.cancel().get(30, TimeUnit.SECONDS);
        Meter.report();
        System.exit(0);
    }

    private static Configuration settings() throws IOException {
        String state = System.getProperty("state");
        Files.createDirectories(Path.of(state, "tmp"));
        Configuration to = new Configuration();
        to.setString("execution.checkpointing.interval", "1 s");
        to.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
        to.setString("execution.checkpointing.storage", "filesystem");
        to.setString("execution.checkpointing.dir", "file://" + state + "/checkpoints");
        to.setString("state.backend.type", System.getProperty("store"));
        if ("rocksdb".equals(System.getProperty("store"))) {
            to.setString("execution.checkpointing.incremental", "true");
            to.setString("state.backend.rocksdb.localdir", state + "/db");
            to.setString("taskmanager.memory.managed.size", "512m");
        }
        to.setString("pipeline.object-reuse", "true");
        to.setString("pipeline.generic-types", "false");
        to.setString("io.tmp.dirs", state + "/tmp");
        return to;
    }

    private static final class Parse implements KafkaRecordDeserializationSchema<Event> {
        private transient Parser parser;
        private transient Event event;

        @Override
        public void open(DeserializationSchema.InitializationContext context) {
            parser = new Parser();
            event = new Event();
        }

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) throws IOException {
            parser.parse(record.value(), event);
            event.customer = new String(record.key(), StandardCharsets.UTF_8);
            out.collect(event); // It is serialized at once, so it can be reused.
        }

        @Override
        public TypeInformation<Event> getProducedType() {
            return new Serializers.EventType();
        }
    }

    /** Adds events to their customers; at each tick emits this subtask's top 10. */
    private static final class Aggregate extends AbstractStreamOperator<Tuple2<Integer, byte[]>>
            implements OneInputStreamOperator<Event, Tuple2<Integer, byte[]>>,
                ProcessingTimeService.ProcessingTimeCallback {
        private transient ValueStateDescriptor<Customer> descriptor;
        private transient ValueState<Customer> customers;
        private transient MapState<String, long[]> orders;
        private transient AtomicLong counter;
        private transient TreeMap<Long, Long> processedAtCheckpoint;
        private transient long processed;
        private transient int subtask;

        @Override
        public void open() throws Exception {
            super.open();
            descriptor = new ValueStateDescriptor<>("customers", Serializers.OfCustomer.INSTANCE);
            customers = getPartitionedState(descriptor);
            orders = getPartitionedState(new MapStateDescriptor<>(
                "orders", StringSerializer.INSTANCE, LongPrimitiveArraySerializer.INSTANCE));
            counter = Meter.counter();
            processedAtCheckpoint = new TreeMap<>();
            subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
            schedule();
        }

        @Override
        public void processElement(StreamRecord<Event> record) throws Exception {
            Event event = record.getValue();
            Customer customer = customers.value();
            if (customer == null) customer = new Customer();
            customer.add(event);
            if (event.type == Event.ORDER) order(event, customer);
            customers.update(customer);
            counter.lazySet(++processed);
        }

        private void order(Event event, Customer customer) throws Exception {
            long[] known = orders.get(event.orderId);
            if (known == null) {
                customer.orders++;
                customer.cents += event.cents;
            } else {
                if (event.time <= known[1]) return;
                customer.cents += event.cents - known[0];
            }
            orders.put(event.orderId, new long[] {event.cents, event.time});
        }

        private void schedule() {
            long now = System.currentTimeMillis();
            getProcessingTimeService().registerTimer(now - now % TICK_MS + TICK_MS, this);
        }

        @Override
        public void onProcessingTime(long timestamp) throws Exception {
            Top top = new Top();
            this.<String>getKeyedStateBackend().applyToAllKeys(
                VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, descriptor,
                (String id, ValueState<Customer> state) -> {
                    Customer customer = state.value();
                    if (top.count(customer)) top.add(id, customer);
                });
            if (top.customers > 0) output.collect(new StreamRecord<>(Tuple2.of(subtask, top.encode())));
            schedule();
        }

        @Override
        public void snapshotState(StateSnapshotContext context) throws Exception {
            super.snapshotState(context);
            processedAtCheckpoint.put(context.getCheckpointId(), processed);
        }

        @Override
        public void notifyCheckpointComplete(long id) throws Exception {
            super.notifyCheckpointComplete(id);
            Long events = processedAtCheckpoint.get(id);
            if (events != null) CHECKPOINTED.put(subtask, events);
            processedAtCheckpoint.headMap(id, true).clear();
        }
    }

    /** Keeps the newest top 10 of each subtask; half a second after each tick emits the global one. */
    private static final class Merge extends KeyedProcessFunction<Integer, Tuple2<Integer, byte[]>, String> {
        private transient MapState<Integer, byte[]> partials;
        private transient ValueState<Long> timer;

        @Override
        public void open(OpenContext context) {
            partials = getRuntimeContext().getMapState(new MapStateDescriptor<>("partials", Types.INT, BYTES));
            timer = getRuntimeContext().getState(new ValueStateDescriptor<>("timer", Types.LONG));
        }

        @Override
        public void processElement(Tuple2<Integer, byte[]> partial, Context context, Collector<String> out)
                throws Exception {
            partials.put(partial.f0, partial.f1);
            if (timer.value() == null) schedule(context);
        }

        private void schedule(Context context) throws Exception {
            long now = System.currentTimeMillis(), next = now - now % TICK_MS + TICK_MS + TICK_MS / 10;
            timer.update(next);
            context.timerService().registerProcessingTimeTimer(next);
        }

        @Override
        public void onTimer(long timestamp, OnTimerContext context, Collector<String> out) throws Exception {
            Top top = new Top();
            for (byte[] partial : partials.values()) top.merge(Top.decode(partial));
            out.collect(top.json());
            Meter.emitted(top);
            schedule(context);
        }
    }
}
