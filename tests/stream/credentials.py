"""What logs in: users' passwords as the agent keeps them, a CA and a server's certificate."""
import os
import subprocess


def user():
    return subprocess.run(["id", "-un"], stdout=subprocess.PIPE).stdout.decode().strip()


def password_file(tmp, word):
    """The agent's password file, where that word is the user's."""
    path = os.path.join(tmp, "users")
    with open(path, "w") as f:
        f.write("%s:%s\n" % (user(), subprocess.run(["openssl", "passwd", "-6", word], stdout=subprocess.PIPE, check=True).stdout.decode().strip()))
    os.chmod(path, 0o600)
    return path


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates(folder):
    """A CA and a server's certificate for 127.0.0.1, as QEMU wants them to be called."""
    def at(name):
        return os.path.join(folder, name)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test CA", "-keyout", at("ca-key.pem"), "-out", at("ca-cert.pem"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", at("server-key.pem"), "-out", at("server.csr"))
    open(at("ext"), "w").write("subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
                               "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", at("server.csr"), "-CA", at("ca-cert.pem"), "-CAkey", at("ca-key.pem"), "-CAcreateserial", "-days", "2",
            "-extfile", at("ext"), "-out", at("server-cert.pem"))
