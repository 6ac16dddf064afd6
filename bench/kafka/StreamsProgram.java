import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

/**
 * What streams-program.js does, in Kafka Streams: `java StreamsProgram.java BOOTSTRAP TOPOLOGY RECORDS`. Prints JSON when it has
 * processed so many records: the processor time of this process for each, from before the application was made, microseconds.
 */
public class StreamsProgram {
  static final ObjectMapper mapper = new ObjectMapper();

  static Serde<ObjectNode> json() {
    return Serdes.serdeFrom(
        (topic, node) -> {
          try {
            return node == null ? null : mapper.writeValueAsBytes(node);
          } catch (Exception error) {
            throw new RuntimeException(error);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : (ObjectNode) mapper.readTree(bytes);
          } catch (Exception error) {
            throw new RuntimeException(error);
          }
        });
  }

  static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  /** How many records were taken, and the processor time of the process since its start. */
  static long[] whenTaken(KafkaStreams streams, AtomicLong count, long least) throws InterruptedException {
    while (count.get() < least) {
      if (streams.state() == KafkaStreams.State.ERROR) throw new IllegalStateException("the application failed");
      Thread.sleep(5);
    }
    return new long[] {count.get(), cpuNanos()};
  }

  static Topology topology(String name, AtomicLong count) {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, ObjectNode> orders =
        builder.stream("bench-in", Consumed.with(Serdes.String(), json())).peek((key, value) -> count.incrementAndGet());
    if (name.equals("stateless")) {
      orders
          .filter((key, order) -> order.get("amount").asInt() >= 100)
          .mapValues(order -> order.deepCopy().put("premium", true))
          .to("bench-large", Produced.with(Serdes.String(), json()));
    } else {
      var store = Stores.inMemoryWindowStore("counts", Duration.ofMinutes(5), Duration.ofMinutes(5), false);
      orders
          .groupByKey(Grouped.with(Serdes.String(), json()))
          .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(5)))
          .count(Materialized.<String, Long>as(store).withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()).withCachingDisabled())
          .toStream()
          .to("bench-counts", Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 300_000), Serdes.Long()));
    }
    return builder.build();
  }

  public static void main(String[] args) throws Exception {
    long records = Long.parseLong(args[2]);
    Properties config = new Properties();
    config.putAll(Map.of(
        "application.id", "java-" + args[1] + "-" + ProcessHandle.current().pid(),
        "bootstrap.servers", args[0],
        "processing.guarantee", "exactly_once_v2",
        "commit.interval.ms", 100,
        "statestore.cache.max.bytes", 0,
        "replication.factor", 1,
        "num.stream.threads", 1,
        "auto.offset.reset", "earliest",
        "state.dir", args[3]));
    long from = System.nanoTime();
    AtomicLong count = new AtomicLong();
    try (KafkaStreams streams = new KafkaStreams(topology(args[1], count), config)) {
      streams.start();
      long[] quarter = whenTaken(streams, count, records / 4);
      long[] whole = whenTaken(streams, count, records);
      double cpuMicros = whole[1] / 1000.0 / whole[0];
      double warmCpuMicros = (whole[1] - quarter[1]) / 1000.0 / (whole[0] - quarter[0]);
      double perSecond = records / ((System.nanoTime() - from) / 1e9);
      System.out.println("{\"cpuMicros\":" + cpuMicros + ",\"warmCpuMicros\":" + warmCpuMicros + ",\"perSecond\":" + perSecond + "}");
    }
  }
}
