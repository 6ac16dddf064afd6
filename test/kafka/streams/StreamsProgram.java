import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Kafka Streams applications of tests: `StreamsProgram BOOTSTRAP STATE_DIR APP TOPOLOGY …`. Values are
 * JSON, kept as it is written. Runs until it is stopped. Prints `running` once it runs; of the
 * topology `tables` (kind and topic, in pairs) each change of them.
 */
public class StreamsProgram {
  static final Serde<String> text = Serdes.String();
  static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] args) throws Exception {
    Properties config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[1]);
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[2]);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 50);
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    config.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
        BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    switch (args[3]) {
      case "tables" -> {
        for (int i = 4; i < args.length; i += 2) table(builder, args[i], args[i + 1]);
      }
      case "count" -> count(builder);
      case "all" -> all(builder, args[4]);
      default -> throw new IllegalArgumentException(args[3]);
    }
    KafkaStreams streams = new KafkaStreams(builder.build(), config);
    streams.setStateListener((to, from) -> {
      if (to == KafkaStreams.State.RUNNING) out.println("running");
      if (to == KafkaStreams.State.ERROR) System.exit(1);
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
    streams.start();
  }

  static void table(StreamsBuilder builder, String kind, String topic) {
    switch (kind) {
      case "text" -> table(builder, topic, text);
      case "windows" -> table(builder, topic, new WindowedSerdes.TimeWindowedSerde<>(text, 10L));
      case "windows-changelog" -> table(builder, topic,
          new WindowedSerdes.TimeWindowedSerde<>(text, 10L).forChangelog(true));
      case "sessions" -> table(builder, topic, new WindowedSerdes.SessionWindowedSerde<>(text));
      default -> throw new IllegalArgumentException(kind);
    }
  }

  /** Prints each change: topic, key, value, timestamp. */
  static <K> void table(StreamsBuilder builder, String topic, Serde<K> key) {
    KTable<K, String> table = builder.table(topic, Consumed.with(key, text),
        Materialized.<K, String, KeyValueStore<Bytes, byte[]>>as("table-of-" + topic)
            .withKeySerde(key).withValueSerde(text));
    table.toStream().process(() -> (Processor<K, String, Void, Void>) record ->
        out.println(topic + "\t" + spelled(record.key()) + "\t" + record.value() + "\t"
            + record.timestamp()));
  }

  static String spelled(Object key) {
    if (!(key instanceof Windowed<?> windowed)) return String.valueOf(key);
    return windowed.key() + "@" + windowed.window().start() + "-" + windowed.window().end();
  }

  /** Counts by key; the changelog has longs, the output numbers as text. */
  static void count(StreamsBuilder builder) {
    builder.stream("words", Consumed.with(text, text))
        .groupByKey()
        .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
            .withKeySerde(text).withValueSerde(Serdes.Long()))
        .toStream()
        .mapValues(String::valueOf)
        .to("word-counts", Produced.with(text, text));
  }

  static String group(String value) {
    return "g" + Long.parseLong(value) % 3;
  }

  static String sum(String a, String b) {
    return String.valueOf(Long.parseLong(a) + Long.parseLong(b));
  }

  /** One of each kind; what it writes is in topics that begin with `prefix`. */
  static void all(StreamsBuilder builder, String prefix) {
    Produced<String, String> produced = Produced.with(text, text);
    KStream<String, String> numbers = builder.stream("numbers", Consumed.with(text, text));
    numbers.filter((key, value) -> Long.parseLong(value) % 2 == 0)
        .mapValues(value -> String.valueOf(Long.parseLong(value) * 10))
        .to(prefix + "stateless", produced);
    KTable<String, String> sums = numbers
        .groupBy((key, value) -> group(value), Grouped.with("by-group", text, text))
        .reduce(StreamsProgram::sum, Materialized.as("sums"));
    sums.toStream().to(prefix + "sums", produced);
    sums.filter((key, value) -> Long.parseLong(value) % 2 == 0).toStream()
        .to(prefix + "even-sums", produced);
    numbers.groupByKey(Grouped.with(text, text))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
        .count(Materialized.as("windows")).toStream().mapValues(String::valueOf)
        .to(prefix + "windows",
            Produced.with(new WindowedSerdes.TimeWindowedSerde<>(text, 10L), text));
    numbers.groupByKey(Grouped.with(text, text))
        .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(7), Duration.ofMillis(5)))
        .count(Materialized.as("sessions")).toStream()
        .mapValues(value -> value == null ? null : String.valueOf(value))
        .to(prefix + "sessions",
            Produced.with(new WindowedSerdes.SessionWindowedSerde<>(text), text));
    numbers.map((key, value) -> KeyValue.pair(group(value), value))
        .join(numbers.selectKey((key, value) -> group(sum(value, "1"))),
            (left, right) -> "[" + left + "," + right + "]",
            // Two repartition topics: how far one is ahead of the other differs from run to run, so nothing may be late.
            JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(3), Duration.ofMinutes(1)),
            StreamJoined.with(text, text, text).withName("pairs").withStoreName("pairs"))
        .to(prefix + "pairs", produced);
  }
}
