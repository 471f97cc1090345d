package bench;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.nio.charset.StandardCharsets;
import org.apache.camel.Exchange;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.kafka.KafkaConstants;
import org.apache.camel.main.Main;

/**
 * The road of one message as a Camel user would build it: MLLP, a topic, PHW's change of MSH-7 with HAPI, a topic,
 * MLLP. The acknowledgement goes out once the first topic has the message (acks=all). Records are keyed by PID-3.1.
 * Arguments: the MLLP port, the broker, the receiver's port, the prefix of the topics, the most connections.
 */
public final class Road extends RouteBuilder {
  private final String[] arguments;
  private final HapiContext hapi = new DefaultHapiContext();

  private Road(String[] arguments) {
    this.arguments = arguments;
    // HAPI's default rules refuse PHW's MSH-7 before it can be changed.
    hapi.setValidationContext(ValidationContextFactory.noValidation());
    hapi.getExecutorService();
  }

  @Override
  public void configure() {
    String port = arguments[0];
    String kafka = "?brokers=" + arguments[1];
    String write = kafka + "&requestRequiredAcks=all";
    String read = kafka + "&autoOffsetReset=earliest&groupId=" + arguments[3] + "-";
    String received = "kafka:" + arguments[3] + "-received";
    String outbound = "kafka:" + arguments[3] + "-outbound";

    from("mllp:127.0.0.1:" + port + "?autoAck=true&maxConcurrentConsumers=" + arguments[4] + "&backlog=" + arguments[4] + "&stringPayload=false")
        .process(exchange -> exchange.getMessage().setHeader(KafkaConstants.KEY, patient(exchange)))
        .to(received + write);

    from(received + read + "transformer")
        .process(
            exchange -> {
              Message message =
                  hapi.getPipeParser().parse(new String(exchange.getMessage().getBody(byte[].class), StandardCharsets.UTF_8));
              Terser terser = new Terser(message);
              terser.set("/MSH-7", terser.get("/MSH-7").replaceAll("[- :]", ""));
              exchange.getMessage().setBody(message.encode().getBytes(StandardCharsets.UTF_8));
            })
        .to(outbound + write);

    from(outbound + read + "sender").to("mllp:127.0.0.1:" + arguments[2]);
  }

  /** PID-3.1, without a parser. */
  private static String patient(Exchange exchange) {
    String text = new String(exchange.getMessage().getBody(byte[].class), StandardCharsets.ISO_8859_1);
    int pid = text.indexOf("\rPID|") + 5;
    String[] fields = text.substring(pid, text.indexOf('\r', pid)).split("\\|", 4);
    return fields[2].split("[\\^~]", 2)[0];
  }

  public static void main(String[] arguments) throws Exception {
    Main main = new Main();
    main.configure().addRoutesBuilder(new Road(arguments));
    main.run();
  }
}
