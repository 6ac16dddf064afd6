import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs cases of the oracle's little language through Apache Kafka Streams, on its own TopologyTestDriver: no record cache, emit
 * intervals 0, the wall clock still.
 *
 * <p>`RunCases cases.json results.json`: a list of cases (topology, input, config), and what came of each: output as the
 * oracle's file has it, error (the input that stopped it) and droppedRecords.
 */
public final class RunCases {
  static final ObjectMapper json = new ObjectMapper();

  public static void main(String[] args) throws IOException {
    ArrayNode results = json.createArrayNode();
    for (JsonNode oneCase : json.readTree(new File(args[0]))) results.add(run(oneCase));
    json.writeValue(new File(args[1]), results);
    System.exit(0);
  }

  private static ObjectNode run(JsonNode oneCase) throws IOException {
    ObjectNode result = json.createObjectNode();
    Path state = Files.createTempDirectory("oracle-");
    StreamsBuilder builder = new StreamsBuilder();
    try {
      new Interpreter(builder).build(oneCase.get("topology"));
      try (TopologyTestDriver driver =
          new TopologyTestDriver(
              builder.build(), configOf(oneCase, state), Instant.ofEpochMilli(0))) {
        feed(driver, oneCase, result);
      }
    } catch (RuntimeException error) {
      result.put("refused", String.valueOf(error));
    } finally {
      delete(state.toFile());
    }
    return result;
  }

  private static void feed(TopologyTestDriver driver, JsonNode oneCase, ObjectNode result) {
    ArrayNode output = result.putArray("output");
    Set<String> topics = topicsOf(oneCase);
    int index = 0;
    for (JsonNode input : oneCase.get("input")) {
      TestInputTopic<byte[], byte[]> topic =
          driver.createInputTopic(
              input.get("topic").textValue(), new ByteArraySerializer(), new ByteArraySerializer());
      boolean failed = false;
      try {
        topic.pipeInput(recordOf(input));
      } catch (RuntimeException error) {
        failed = true;
        result.put("error", index).put("why", String.valueOf(rootOf(error)));
      }
      for (String name : topics) {
        var out =
            driver.createOutputTopic(name, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        while (!out.isEmpty()) output.add(outputOf(name, out.readRecord(), index));
      }
      if (failed) break;
      index++;
    }
    double dropped =
        driver.metrics().entrySet().stream()
            .filter((metric) -> metric.getKey().name().equals("dropped-records-total"))
            .mapToDouble((metric) -> (Double) metric.getValue().metricValue())
            .sum();
    result.put("droppedRecords", (long) dropped);
  }

  private static TestRecord<byte[], byte[]> recordOf(JsonNode input) {
    RecordHeaders headers = new RecordHeaders();
    if (input.has("headers")) {
      for (Map.Entry<String, JsonNode> header : input.get("headers").properties()) {
        headers.add(header.getKey(), bytes(header.getValue().textValue()));
      }
    }
    byte[] value =
        input.has("rawValue") ? bytes(input.get("rawValue").textValue())
            : input.path("value").isNull() || input.path("value").isMissingNode() ? null
            : bytes(input.get("value").toString());
    byte[] key = input.get("key").isNull() ? null : bytes(input.get("key").textValue());
    return new TestRecord<>(key, value, headers, input.get("timestamp").longValue());
  }

  private static ObjectNode outputOf(String topic, TestRecord<byte[], byte[]> record, int index) {
    ObjectNode out = json.createObjectNode().put("topic", topic);
    KeySerde.describe(record.key(), out);
    if (record.value() == null) {
      out.putNull("value");
    } else {
      String text = new String(record.value(), StandardCharsets.UTF_8);
      try {
        out.set("value", json.readTree(text));
      } catch (JsonProcessingException none) {
        out.put("rawValue", text);
      }
    }
    out.put("timestamp", record.timestamp()).put("input", index);
    ObjectNode headers = json.createObjectNode();
    for (Header header : record.headers()) {
      if (header.key().endsWith("stacktrace")) continue;
      headers.put(
          header.key(),
          header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8));
    }
    if (!headers.isEmpty()) out.set("headers", headers);
    return out;
  }

  private static Properties configOf(JsonNode oneCase, Path state) {
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle");
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
    config.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, KeySerde.class);
    config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, JsonSerde.class);
    config.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0);
    config.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0);
    if (oneCase.has("config")) {
      for (Map.Entry<String, JsonNode> entry : oneCase.get("config").properties()) {
        config.put(entry.getKey(), entry.getValue().asText());
      }
    }
    return config;
  }

  private static Set<String> topicsOf(JsonNode oneCase) {
    Set<String> topics = new LinkedHashSet<>();
    for (JsonNode node : oneCase.get("topology")) {
      if (node.get("op").textValue().equals("to")) topics.add(node.get("topic").textValue());
    }
    JsonNode deadLetters = oneCase.path("config").path("errors.dead.letter.queue.topic.name");
    if (deadLetters.isTextual()) topics.add(deadLetters.textValue());
    return topics;
  }

  private static Throwable rootOf(Throwable error) {
    return error.getCause() == null ? error : rootOf(error.getCause());
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void delete(File file) {
    File[] inside = file.listFiles();
    if (inside != null) for (File one : inside) delete(one);
    file.delete();
  }
}
