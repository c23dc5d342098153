import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/**
 * Asks a server over HTTP with the JDK's own clients, and prints a line for each answer: status, SHA-256 of its body, coding.
 *
 * <p>Usage: HttpClients (HttpClient|HttpURLConnection) URL FILE COUNT AT_ONCE [chunks] [expect] [gzip]
 */
public final class HttpClients {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private static URI uri;
    private static Path file;
    private static List<String> words;

    public static void main(String[] arguments) throws Exception {
        uri = URI.create(arguments[1]);
        file = Path.of(arguments[2]);
        words = List.of(arguments).subList(5, arguments.length);
        Callable<String> ask = arguments[0].equals("HttpClient") ? HttpClients::askNew : HttpClients::askOld;
        var pool = Executors.newFixedThreadPool(Integer.parseInt(arguments[4]));
        var asks = Stream.generate(() -> ask).limit(Integer.parseInt(arguments[3])).collect(Collectors.toList());
        for (Future<String> answer : pool.invokeAll(asks)) {
            System.out.println(answer.get());
        }
        pool.shutdown();
    }

    private static String askNew() throws Exception {
        BodyPublisher body = BodyPublishers.ofFile(file);
        if (words.contains("chunks")) {
            body = BodyPublishers.ofInputStream(() -> open(file));
        }
        var request = HttpRequest.newBuilder(uri).header("Content-Type", "application/json").POST(body);
        if (words.contains("expect")) {
            request.expectContinue(true);
        }
        if (words.contains("gzip")) {
            request.header("Content-Encoding", "gzip").header("Accept-Encoding", "gzip");
        }
        HttpResponse<InputStream> answer = CLIENT.send(request.build(), BodyHandlers.ofInputStream());
        return line(answer.statusCode(), answer.headers().firstValue("Content-Encoding").orElse("identity"), answer.body());
    }

    private static String askOld() throws Exception {
        var connection = (HttpURLConnection) uri.toURL().openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "application/json");
        if (words.contains("chunks")) {
            connection.setChunkedStreamingMode(0);
        } else {
            connection.setFixedLengthStreamingMode(Files.size(file));
        }
        if (words.contains("expect")) {
            connection.setRequestProperty("Expect", "100-continue");
        }
        if (words.contains("gzip")) {
            connection.setRequestProperty("Content-Encoding", "gzip");
            connection.setRequestProperty("Accept-Encoding", "gzip");
        }
        try (OutputStream body = connection.getOutputStream()) {
            Files.copy(file, body);
        } catch (IOException refused) {
            // the answer, if there is one, says why
        }
        int status = connection.getResponseCode();
        String coding = connection.getContentEncoding();
        InputStream content = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        return line(status, coding == null ? "identity" : coding, content);
    }

    private static InputStream open(Path path) {
        try {
            return Files.newInputStream(path);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private static String line(int status, String coding, InputStream content) throws Exception {
        var digest = MessageDigest.getInstance("SHA-256");
        if (content != null) {
            try (InputStream plain = coding.equals("gzip") ? new GZIPInputStream(content) : content) {
                digest.update(plain.readAllBytes());
            }
        }
        var hexadecimal = new StringBuilder();
        for (byte one : digest.digest()) {
            hexadecimal.append(String.format("%02x", one));
        }
        return status + " " + hexadecimal + " " + coding;
    }
}
